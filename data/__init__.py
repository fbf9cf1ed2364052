"""The lesson's data: bundled simulated chest X-rays and the simulator that made them."""
