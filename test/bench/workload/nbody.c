/*
 * Five bodies under gravity, in double precision: multiplications, additions, one division and one
 * square root for each pair and step. The scale is the number of steps. The checksum is taken
 * from the bits of the positions: addition and multiplication round alike everywhere.
 */
#include "test/bench/workload.h"

enum { BODIES = 5 };

struct body {
	double x, y, z;
	double vx, vy, vz;
	double mass;
};

/* A star and four planets, in units that make the gravitational constant 1. */
static const struct body start[BODIES] = {
	{0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 40.0},          {5.0, -1.0, -0.1, 0.6, 2.75, -0.02, 0.038},
	{8.5, 4.0, -0.4, -1.0, 1.8, 0.01, 0.011},      {13.0, -15.0, -0.25, 1.1, 0.9, -0.011, 0.0017},
	{15.5, -26.0, 0.18, 0.98, 0.6, -0.035, 0.002},
};

static struct body bodies[BODIES];

static APART void advance(double step)
{
	for (unsigned i = 0; i < BODIES; i++) {
		struct body *a = &bodies[i];

		for (unsigned j = i + 1; j < BODIES; j++) {
			struct body *b = &bodies[j];
			double dx = a->x - b->x;
			double dy = a->y - b->y;
			double dz = a->z - b->z;
			double square = dx * dx + dy * dy + dz * dz;
			double pull = step / (square * __builtin_sqrt(square));

			a->vx -= dx * b->mass * pull;
			a->vy -= dy * b->mass * pull;
			a->vz -= dz * b->mass * pull;
			b->vx += dx * a->mass * pull;
			b->vy += dy * a->mass * pull;
			b->vz += dz * a->mass * pull;
		}
	}
	for (unsigned i = 0; i < BODIES; i++) {
		struct body *a = &bodies[i];

		a->x += step * a->vx;
		a->y += step * a->vy;
		a->z += step * a->vz;
	}
}

static uint64_t bits(double value)
{
	union {
		double value;
		uint64_t bits;
	} both = {.value = value};

	return both.bits;
}

uint64_t workload_nbody(unsigned scale)
{
	uint64_t checksum = 0;

	for (unsigned i = 0; i < BODIES; i++) {
		bodies[i].x = start[i].x;
		bodies[i].y = start[i].y;
		bodies[i].z = start[i].z;
		bodies[i].vx = start[i].vx;
		bodies[i].vy = start[i].vy;
		bodies[i].vz = start[i].vz;
		bodies[i].mass = start[i].mass;
	}
	for (unsigned step = 0; step < scale; step++)
		advance(0.001);
	for (unsigned i = 0; i < BODIES; i++) {
		checksum = checksum_add(checksum, bits(bodies[i].x));
		checksum = checksum_add(checksum, bits(bodies[i].vy));
	}
	return checksum;
}
