//! Changes the attributes of spans, log records and data points.
