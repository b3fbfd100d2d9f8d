/* The version of the C library that is linked, as MAJOR.MINOR.PATCH, and of the SQLite that it uses. */
#include <dqlite.h>
#include <sqlite3.h>
#include <stdio.h>

int main(void)
{
	int v = dqlite_version_number();
	printf("%d.%d.%d %s\n", v / 10000, v / 100 % 100, v % 100, sqlite3_libversion());
	return 0;
}
