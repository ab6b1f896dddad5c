"""One module for each format of annotations: what is written in it becomes records."""
