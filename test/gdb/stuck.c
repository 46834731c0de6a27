/* A program that waits for what never comes. */
#include <skerry/object.h>

int main(void)
{
	seL4_Recv(sk_endpoint_new(), NULL);
	return 0;
}
