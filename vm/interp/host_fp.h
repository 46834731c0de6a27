/*
 * The host's floating-point unit, if its flags can be had cheaply and mean what RISC-V's do: sticky,
 * tininess detected after rounding. Where they do not (WebAssembly has none, AArch64 detects before
 * rounding), or with VM_SOFT_FLOAT, HOST_FP is 0 and the VM computes in software.
 *
 * Between host_fp_begin() and host_fp_end() the unit rounds to nearest and gathers the flags of
 * guest operations only.
 */
#ifndef SKERRY_VM_HOST_FP_H
#define SKERRY_VM_HOST_FP_H

#include <math.h>
#include <string.h>

#include "vm/interp/arith.h"

#if defined(__x86_64__) && !defined(VM_SOFT_FLOAT)

#include <emmintrin.h>

#define HOST_FP         1
#define HOST_FP_DEFAULT 0x1f80 /* all exceptions masked, to nearest, subnormals kept */

static inline void host_fp_begin(void)
{
	_mm_setcsr(HOST_FP_DEFAULT);
}

/* The flags gathered, as in fcsr; the host's own state is the C library's initial one again. */
static inline uint64_t host_fp_end(void)
{
	unsigned csr = _mm_getcsr();

	_mm_setcsr(HOST_FP_DEFAULT);
	return (csr & 1 ? FLAG_NV : 0) | (csr & 4 ? FLAG_DZ : 0) | (csr & 8 ? FLAG_OF : 0) |
	       (csr & 16 ? FLAG_UF : 0) | (csr & 32 ? FLAG_NX : 0);
}

static inline double sqrt_d(double a)
{
	return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(a), _mm_set_sd(a)));
}

static inline float sqrt_s(float a)
{
	return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a)));
}

/* One rounding; the C library's is a call, and slow where the processor has no such instruction. */
static inline double fma_d(double a, double b, double c)
{
	if (!__builtin_cpu_supports("fma"))
		return fma(a, b, c);
	__asm__("vfmadd213sd %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
	return a;
}

static inline float fma_s(float a, float b, float c)
{
	if (!__builtin_cpu_supports("fma"))
		return fmaf(a, b, c);
	__asm__("vfmadd213ss %2, %1, %0" : "+x"(a) : "x"(b), "x"(c));
	return a;
}

#else

#define HOST_FP 0
#define sqrt_d  sqrt
#define sqrt_s  sqrtf
#define fma_d   fma
#define fma_s   fmaf

static inline void host_fp_begin(void)
{
}

static inline uint64_t host_fp_end(void)
{
	return 0;
}

#endif

static inline double double_of(uint64_t bits)
{
	double value;

	memcpy(&value, &bits, sizeof(value));
	return value;
}

static inline uint64_t double_bits(double value)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

static inline float float_of(uint64_t bits)
{
	uint32_t low = (uint32_t)bits;
	float value;

	memcpy(&value, &low, sizeof(value));
	return value;
}

static inline uint32_t float_bits(float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	return bits;
}

#endif
