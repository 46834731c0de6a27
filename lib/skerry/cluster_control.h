/*
 * What cluster.c and the bridge say to each other over a control capability: requests are labels, names are
 * four words, the label of an answer is an enum cluster_error. Nobody else needs this.
 */
#pragma once

#include <skerry/cluster.h>

enum { CLUSTER_NAME_WORDS = CLUSTER_NAME_BYTES / sizeof(seL4_Word) };

enum cluster_request {
	CLUSTER_PUBLISH = 1, /* name; the capability */
	CLUSTER_WITHDRAW,    /* name */
	CLUSTER_LOOKUP,      /* name; answer: the capability */
	CLUSTER_RELEASE,     /* the proxy */
	CLUSTER_PROBE,       /* something was revoked */
	CLUSTER_WATCH,       /* the notification */
	CLUSTER_MEMBERS,     /* answer: for each a name, its epoch, enum cluster_member_flags */
	CLUSTER_COUNT,       /* answer: struct cluster_counts */
	CLUSTER_SLEEP,       /* ns; the answer comes then */
};

/* The answer to a release after which no copy of the proxy is left, beside those of enum cluster_error. */
enum { CLUSTER_ALL_GONE = 100 };

enum cluster_member_flags { CLUSTER_MEMBER_HERE = 1, CLUSTER_MEMBER_UP = 2 };
enum { CLUSTER_MEMBER_WORDS = CLUSTER_NAME_WORDS + 2 };
