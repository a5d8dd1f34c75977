"""The HTTP API: routes by noun, webhooks, and the web pages mounted below."""
