"""From annotations to what a model is trained on."""
