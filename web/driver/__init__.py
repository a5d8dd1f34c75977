"""Pages for drivers: public, without a sign-in, in the driver's language, without a script."""
