/* A name that programs include; all of it is in the header below. */
#pragma once

#include <sel4/arch/mapping.h>
