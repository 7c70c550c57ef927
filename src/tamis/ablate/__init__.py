"""Ablations: train small models on curated and raw text, and say what the curation bought."""
