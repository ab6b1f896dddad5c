"""The models that vex makes itself: what they are, how they are made of parts, and how they were trained."""
