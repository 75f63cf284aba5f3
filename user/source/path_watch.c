// SPDX-License-Identifier: GPL-2.0-or-later
#include "source/path_watch.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <bpf/libbpf.h>

struct path_watch {
	struct paths *paths;
	struct ring_buffer *ring;
	int stop_fd;
	bool running;
	pthread_t thread;
};

static int on_mapped(void *ctx, void *record, size_t size)
{
	struct path_watch *watch = ctx;

	if (size >= sizeof(struct mt_mmap_file))
		paths__note(watch->paths, record);
	return 0;
}

static void *watch__thread(void *arg)
{
	struct path_watch *watch = arg;
	struct pollfd fds[] = {{.fd = watch->stop_fd, .events = POLLIN},
			       {.fd = ring_buffer__epoll_fd(watch->ring), .events = POLLIN}};

	while (!(fds[0].revents & POLLIN)) {
		if (poll(fds, 2, -1) > 0)
			ring_buffer__consume(watch->ring);
	}
	return NULL;
}

/* From its begin: else it has no turn before a short program ends. */
static int watch__create(struct path_watch *watch, bool precedes)
{
	const struct sched_param param = {.sched_priority = 1};
	pthread_attr_t attr;
	int err;

	pthread_attr_init(&attr);
	if (precedes) {
		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
		pthread_attr_setschedparam(&attr, &param);
	}
	err = pthread_create(&watch->thread, &attr, watch__thread, watch);
	pthread_attr_destroy(&attr);
	return err;
}

/* Signals are the main thread's. Who has given us a low priority does not mean to give us this. */
static bool watch__run(struct path_watch *watch)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	watch->running = (getpriority(PRIO_PROCESS, 0) <= 0 && !watch__create(watch, true)) ||
			 !watch__create(watch, false);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return watch->running;
}

struct path_watch *path_watch__start(int ring_fd, struct paths *paths)
{
	struct path_watch *watch = calloc(1, sizeof(*watch));

	if (!watch)
		return NULL;
	watch->paths = paths;
	watch->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->ring = ring_buffer__new(ring_fd, on_mapped, watch, NULL);
	if (watch->stop_fd < 0 || !watch->ring || !watch__run(watch)) {
		path_watch__stop(watch);
		return NULL;
	}
	return watch;
}

void path_watch__stop(struct path_watch *watch)
{
	if (!watch)
		return;
	if (watch->running && !eventfd_write(watch->stop_fd, 1))
		pthread_join(watch->thread, NULL);
	ring_buffer__free(watch->ring);
	if (watch->stop_fd >= 0)
		close(watch->stop_fd);
	free(watch);
}
