"""Stages, one a file; `tamis.table` names them."""
