// Makes likes and searches not reload the page. Without this file everything works, with a new page each time.
