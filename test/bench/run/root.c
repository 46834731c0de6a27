/* A root server that runs the workload and ends the machine with its status. */
#include "test/bench/run/guest.h"

int main(void)
{
	return guest_run();
}
