/*
 * The board's device tree, shaped as that of QEMU's virt board: the same paths, properties and handles,
 * but only what this board has (no PCI, flash or firmware configuration).
 */
#include "vm/device/device.h"

#include <libfdt.h>
#include <stdio.h>

enum { HANDLE_CPU = 1, HANDLE_CPU_INTC, HANDLE_PLIC, HANDLE_TEST };

#define TIMEBASE_HZ   10000000
#define UART_CLOCK_HZ 3686400
#define PLIC_SOURCES  96

/* Sequential writing: libfdt remembers nothing, so the first error is kept here. */
struct tree {
	void *fdt;
	int error;
};

static void keep(struct tree *tree, int error)
{
	if (!tree->error)
		tree->error = error;
}

static void begin(struct tree *tree, const char *name)
{
	keep(tree, fdt_begin_node(tree->fdt, name));
}

static void end(struct tree *tree)
{
	keep(tree, fdt_end_node(tree->fdt));
}

static void text(struct tree *tree, const char *name, const char *value)
{
	keep(tree, fdt_property_string(tree->fdt, name, value));
}

static void flag(struct tree *tree, const char *name)
{
	keep(tree, fdt_property(tree->fdt, name, NULL, 0));
}

static void cell(struct tree *tree, const char *name, uint32_t value)
{
	keep(tree, fdt_property_u32(tree->fdt, name, value));
}

/* A list of 32-bit cells; texts with several strings use `bytes`. */
static void cells(struct tree *tree, const char *name, const uint32_t *value, unsigned count)
{
	fdt32_t big[8];

	for (unsigned i = 0; i < count; i++)
		big[i] = cpu_to_fdt32(value[i]);
	keep(tree, fdt_property(tree->fdt, name, big, (int)(count * sizeof big[0])));
}

static void bytes(struct tree *tree, const char *name, const char *value, unsigned size)
{
	keep(tree, fdt_property(tree->fdt, name, value, (int)size));
}

static void range(struct tree *tree, const char *name, uint64_t base, uint64_t size)
{
	uint32_t value[4] = {(uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32), (uint32_t)size};

	cells(tree, name, value, 4);
}

static void begin_at(struct tree *tree, const char *kind, uint64_t base, uint64_t size)
{
	char name[48];

	snprintf(name, sizeof name, "%s@%llx", kind, (unsigned long long)base);
	begin(tree, name);
	range(tree, "reg", base, size);
}

static void wired(struct tree *tree, uint32_t irq)
{
	cell(tree, "interrupts", irq);
	cell(tree, "interrupt-parent", HANDLE_PLIC);
}

static void node_cpus(struct tree *tree)
{
	begin(tree, "cpus");
	cell(tree, "#address-cells", 1);
	cell(tree, "#size-cells", 0);
	cell(tree, "timebase-frequency", TIMEBASE_HZ);

	begin(tree, "cpu@0");
	cell(tree, "phandle", HANDLE_CPU);
	text(tree, "device_type", "cpu");
	cell(tree, "reg", 0);
	text(tree, "status", "okay");
	text(tree, "compatible", "riscv");
	text(tree, "riscv,isa", "rv64imafdc");
	text(tree, "mmu-type", "riscv,sv39");
	begin(tree, "interrupt-controller");
	cell(tree, "#interrupt-cells", 1);
	flag(tree, "interrupt-controller");
	text(tree, "compatible", "riscv,cpu-intc");
	cell(tree, "phandle", HANDLE_CPU_INTC);
	end(tree);
	end(tree);

	begin(tree, "cpu-map");
	begin(tree, "cluster0");
	begin(tree, "core0");
	cell(tree, "cpu", HANDLE_CPU);
	end(tree);
	end(tree);
	end(tree);
	end(tree);
}

static void node_syscon(struct tree *tree, const char *name, const char *compatible, uint32_t value)
{
	begin(tree, name);
	cell(tree, "value", value);
	cell(tree, "offset", 0);
	cell(tree, "regmap", HANDLE_TEST);
	text(tree, "compatible", compatible);
	end(tree);
}

/* The kernel drives these two; users see them in the tree only. */
static void node_controllers(struct tree *tree)
{
	static const char plic[] = "sifive,plic-1.0.0\0riscv,plic0", clint[] = "sifive,clint0\0riscv,clint0";
	const uint32_t external[] = {HANDLE_CPU_INTC, 11, HANDLE_CPU_INTC, 9};
	const uint32_t local[] = {HANDLE_CPU_INTC, 3, HANDLE_CPU_INTC, 7};

	begin_at(tree, "plic", 0x0c000000, 0x600000);
	cell(tree, "phandle", HANDLE_PLIC);
	cell(tree, "riscv,ndev", PLIC_SOURCES);
	cells(tree, "interrupts-extended", external, 4);
	flag(tree, "interrupt-controller");
	bytes(tree, "compatible", plic, sizeof plic);
	cell(tree, "#address-cells", 0);
	cell(tree, "#interrupt-cells", 1);
	end(tree);

	begin_at(tree, "clint", 0x02000000, 0x10000);
	cells(tree, "interrupts-extended", local, 4);
	bytes(tree, "compatible", clint, sizeof clint);
	end(tree);
}

/* Not on QEMU's board. */
static void node_region(struct tree *tree, const struct board_config *config)
{
	begin_at(tree, "region", BOARD_REGION_BASE, config->region_size);
	range(tree, "skerry,share", config->region_share, config->region_share_size);
	text(tree, "compatible", "skerry,region");
	end(tree);
}

static void node_soc(struct tree *tree, const struct board_config *config)
{
	static const char test[] = "sifive,test1\0sifive,test0\0syscon";

	begin(tree, "soc");
	cell(tree, "#address-cells", 2);
	cell(tree, "#size-cells", 2);
	text(tree, "compatible", "simple-bus");
	flag(tree, "ranges");

	begin_at(tree, "rtc", 0x00101000, 0x1000);
	wired(tree, BOARD_IRQ_RTC);
	text(tree, "compatible", "google,goldfish-rtc");
	end(tree);

	begin_at(tree, "serial", 0x10000000, 0x100);
	wired(tree, BOARD_IRQ_UART);
	cell(tree, "clock-frequency", UART_CLOCK_HZ);
	text(tree, "compatible", "ns16550a");
	end(tree);

	begin_at(tree, "test", 0x00100000, 0x1000);
	cell(tree, "phandle", HANDLE_TEST);
	bytes(tree, "compatible", test, sizeof test);
	end(tree);

	for (unsigned slot = VIRTIO_SLOTS; slot-- > 0;) {
		begin_at(tree, "virtio_mmio", 0x10001000 + slot * 0x1000ull, 0x1000);
		wired(tree, BOARD_IRQ_VIRTIO + slot);
		text(tree, "compatible", "virtio,mmio");
		end(tree);
	}
	node_controllers(tree);
	if (config->region)
		node_region(tree, config);
	end(tree);
}

size_t board_make_fdt(const struct board_config *config, void *buffer, size_t capacity)
{
	struct tree tree = {.fdt = buffer};

	if (capacity > INT32_MAX)
		capacity = INT32_MAX;
	keep(&tree, fdt_create(buffer, (int)capacity));
	keep(&tree, fdt_finish_reservemap(buffer));

	begin(&tree, "");
	cell(&tree, "#address-cells", 2);
	cell(&tree, "#size-cells", 2);
	text(&tree, "compatible", "riscv-virtio");
	text(&tree, "model", "riscv-virtio,qemu");
	begin(&tree, "chosen");
	text(&tree, "stdout-path", "/soc/serial@10000000");
	end(&tree);
	node_syscon(&tree, "poweroff", "syscon-poweroff", 0x5555);
	node_syscon(&tree, "reboot", "syscon-reboot", 0x7777);
	begin_at(&tree, "memory", BOARD_RAM_BASE, config->ram_size);
	text(&tree, "device_type", "memory");
	end(&tree);
	node_cpus(&tree);
	node_soc(&tree, config);
	end(&tree);

	keep(&tree, fdt_finish(buffer));
	return tree.error ? 0 : fdt_totalsize(buffer);
}
