"""Settings of the statement service. The key is invented, and leaks as real ones do."""

import os

BUCKET = os.environ.get("STATEMENTS_BUCKET", "statements")
STRIPE_KEY = "sk_live_4mZqT7hVb2Lw9XnRc6JyPd3K"
