"""Tools for those who run or edit the lesson as a whole."""
