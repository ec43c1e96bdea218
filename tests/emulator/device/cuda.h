// What a kernel finds without an #include, as under NVRTC: qualifiers, variables, types and functions of CUDA.
//
// Included before the text of the kernels.  The text then takes the way of a device, without inline PTX, since
// __CUDA_ARCH__ is defined and __CUDACC__ is not.

#pragma once

#include "vector_types.h"

#include "machine.h"

#include "atomics.h"
#include "barriers.h"
#include "functions.h"
#include "intrinsics.h"
#include "module.h"
#include "warps.h"

#include "qualifiers.h"  // last
