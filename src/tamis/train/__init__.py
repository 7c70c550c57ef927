"""Training models from text: a quality classifier, with its validation, its calibration and its report."""
