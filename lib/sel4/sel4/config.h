/* Programs include this name, some include autoconf.h itself. */
#pragma once

#include <autoconf.h>
