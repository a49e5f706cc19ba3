"""The System page: jobs, health, ages of data, settings."""
