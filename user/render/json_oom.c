// SPDX-License-Identifier: GPL-2.0-or-later
#include "base/vocab.h"
#include "render/json.h"
#include "report/report.h"

static json_t *bytes_if(bool known, uint64_t bytes)
{
	return known ? json__bytes(bytes) : json_null();
}

static json_t *victim(struct json *json, const struct report_oom_kill *kill)
{
	bool known = kill->sizes_known;
	json_t *o = json_object();

	json__set(json, o, "pid", json__count(kill->victim_pid));
	json__set(json, o, "comm", json__string(kill->victim_comm));
	json__set(json, o, "anon_bytes", bytes_if(known, kill->anon_bytes));
	json__set(json, o, "file_bytes", bytes_if(known, kill->file_bytes));
	json__set(json, o, "shmem_bytes", bytes_if(known, kill->shmem_bytes));
	json__set(json, o, "swap_bytes", bytes_if(known, kill->swap_bytes));
	json__set(json, o, "pagetable_bytes", bytes_if(known, kill->pagetable_bytes));
	json__set(json, o, "virtual_bytes", bytes_if(known, kill->virtual_bytes));
	json__set(json, o, "score_adj", known ? json_integer(kill->score_adj) : json_null());
	json__set(json, o, "badness_pages",
		  kill->badness_known ? json_integer(kill->badness_pages) : json_null());
	return o;
}

static json_t *trigger(struct json *json, const struct report_oom_kill *kill)
{
	json_t *o = json_object();

	json__set(json, o, "pid", json__count(kill->trigger_pid));
	json__set(json, o, "tid", json__count(kill->trigger_tid));
	json__set(json, o, "comm", json__string(kill->trigger_comm));
	return o;
}

static json_t *cgroup(struct json *json, const struct report_oom_kill *kill)
{
	json_t *o;

	if (!kill->in_cgroup)
		return json_null();
	o = json_object();
	json__set(json, o, "name", json__string(kill->cgroup));
	json__set(json, o, "limit_bytes", json__bytes(kill->limit_bytes));
	json__set(json, o, "usage_bytes", json__bytes(kill->usage_bytes));
	return o;
}

static json_t *kills(struct json *json, const struct report_process *process)
{
	json_t *array = json_array(), *o;

	for (size_t i = 0; i < process->oom.nr_kills; i++) {
		const struct report_oom_kill *kill = &process->oom.kills[i];
		bool known = kill->sizes_known;

		o = json_object();
		json__set(json, o, "t_s", json__seconds(kill->t_s));
		json__set(json, o, "role",
			  json_string(!kill->is_trigger	 ? "victim"
				      : !kill->is_victim ? "trigger"
							 : "both"));
		json__set(json, o, "victim", victim(json, kill));
		json__set(json, o, "trigger", trigger(json, kill));
		json__set(json, o, "scope",
			  !known ? json_null()
				 : json_string(kill->in_cgroup ? "cgroup" : "system"));
		json__set(json, o, "cgroup", cgroup(json, kill));
		json__append(json, array, o);
	}
	return array;
}

static json_t *reclaim(struct json *json, const struct report_reclaim *from)
{
	json_t *o = json_object();

	json__set(json, o, "count", json__count(from->count));
	json__set(json, o, "time_s", json__seconds(from->time_s));
	json__set(json, o, "longest_s", json__seconds(from->longest_s));
	json__set(json, o, "reclaimed_bytes", json__bytes(from->reclaimed_bytes));
	return o;
}

json_t *json_oom(struct json *json, const struct report_process *process)
{
	json_t *o = json_object(), *scopes;

	json__set(json, o, "killed", json_boolean(process->oom.killed));
	json__set(json, o, "kills", kills(json, process));
	json__set(json, o, "kills_omitted",
		  json__count(process->oom.kills_total - process->oom.nr_kills));
	if (!process->oom.reclaim_known) {
		json__set(json, o, "reclaim", json_null());
		return o;
	}
	scopes = json_object();
	json__set(json, scopes, "cgroup", reclaim(json, &process->oom.by_cgroup));
	json__set(json, scopes, "system", reclaim(json, &process->oom.by_system));
	json__set(json, o, "reclaim", scopes);
	return o;
}
