"""The main job, played over HTTP by the people who do it, on servers of its own."""
