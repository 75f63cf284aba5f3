// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cmd/terminal.h"

#define DEFAULT_COLUMNS 100
#define MIN_COLUMNS 60

static bool terminal__size(FILE *stream, struct winsize *size)
{
	int fd = fileno(stream);

	return fd >= 0 && isatty(fd) && !ioctl(fd, TIOCGWINSZ, size) && size->ws_col;
}

void terminal__options(FILE *stream, const struct options *opt, struct render_options *ret)
{
	const char *columns = getenv("COLUMNS"), *no_colour = getenv("NO_COLOR");
	const char *term = getenv("TERM");
	struct winsize size;
	bool tty = terminal__size(stream, &size);
	int width = tty ? size.ws_col : columns ? atoi(columns) : DEFAULT_COLUMNS;

	*ret = (struct render_options){
		.width = width < MIN_COLUMNS ? MIN_COLUMNS : width,
		/* no-color.org: present and not empty. */
		.colour = tty && !(no_colour && *no_colour) && !(term && !strcmp(term, "dumb")),
		.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8"),
		.verbose = opt->verbose,
		.top = opt->top,
	};
}

unsigned int terminal__lines(FILE *stream)
{
	struct winsize size;

	return terminal__size(stream, &size) ? size.ws_row : 0;
}

void terminal__fill_closed(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		/* The lowest free descriptor is this one. */
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return;
}

bool terminal__has_stdout(void)
{
	int flags = fcntl(STDOUT_FILENO, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}
