/* Linked against the converted librtas and librtasevent, run under qemu-user.
 * There is no RTAS there: the library must say so (RTAS_KERNEL_INT, -1001 in librtas.h). Printing an event needs none:
 * the eight bytes are an event's fixed part in version 6 (PAPR+, "Error Reporting"): severity 2, from PCI. */
#include <librtas.h>
#include <librtasevent.h>
#include <stdio.h>

int main(void)
{
	char parameter[128];
	char event_bytes[] = { 0x06, 0x41, 0x20, 0, 0, 0, 0, 0 };
	struct rtas_event *event;

	printf("rtas_get_sysparm: %d\n", rtas_get_sysparm(20, sizeof(parameter), parameter));
	event = parse_rtas_event(event_bytes, sizeof(event_bytes));
	if (!event)
		return 1;
	rtas_print_event(stdout, event, 0);
	return cleanup_rtas_event(event);
}
