"""Ablations: train small models on curated and raw documents, and say what the curation bought."""
