"""What the API and the web pages share: principal, database dependency, scope, errors."""
