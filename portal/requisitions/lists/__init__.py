"""Shopping lists of people and places: bought before, templates, standing orders."""
