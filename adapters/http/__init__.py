"""The HTTP face: Litestar routes over the use cases. Translates and guards; decides nothing about money."""
