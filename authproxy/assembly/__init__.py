"""The parts that ``service`` wires: each section's, made from its settings, so that they can be made anew."""
