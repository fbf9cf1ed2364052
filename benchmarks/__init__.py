"""What the lesson costs, measured."""
