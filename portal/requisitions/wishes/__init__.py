"""What is not in the catalog: a buyer makes an item of it, proposes another, or says why not."""
