"""The console: pages at /ui for people, over the same functions as the API's routes, with its sessions and roles."""
