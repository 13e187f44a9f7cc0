//! Ledger writer, counting OTLP backend and judge: the proof that nothing is lost.
