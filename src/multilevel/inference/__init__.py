"""Answers about parameters: tests, intervals, marginal means."""
