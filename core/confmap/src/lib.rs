//! Collector YAML to one resolved value in which everything remembers where it came from.
