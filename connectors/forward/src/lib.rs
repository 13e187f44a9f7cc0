//! Joins and fans out pipelines of one signal.
