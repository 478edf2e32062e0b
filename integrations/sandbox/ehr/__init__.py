"""A sandbox EHR: a strict SMART authorization server and a small FHIR R4 store, in the vendors' variants."""
