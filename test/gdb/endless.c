/* A program that never ends. */
int main(void)
{
	for (volatile long turns = 0;; turns++)
		;
}
