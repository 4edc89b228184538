/* A stand-in for NVIDIA's driver, libcuda.so.1, for tests: it answers what tests/it/cuda.rs asks for through the environment.
   Compiled by that test; no part of any release. With -DBARE it is a library that knows only what no driver lacks, with -DEMPTY
   one that is something else. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int number(const char *name, int otherwise) {
  const char *value = getenv(name);
  return value ? atoi(value) : otherwise;
}

static int devices(void) { return number("STAND_IN_CUDA_DEVICES", 2); }

#ifndef EMPTY
int cuInit(unsigned int flags) { return flags ? 1 : number("STAND_IN_CUDA_INIT", 0); }

int cuDeviceGetCount(int *count) {
  *count = devices();
  return 0;
}

int cuDeviceGet(int *device, int ordinal) {
  if (ordinal < 0 || ordinal >= devices()) return 101;
  *device = ordinal;
  return 0;
}
#else
int nothing_of_cuda(void) { return devices(); }
#endif

#if !defined(EMPTY) && !defined(BARE)
int cuDriverGetVersion(int *version) {
  *version = number("STAND_IN_CUDA_VERSION", 13000);
  return 0;
}

int cuDeviceGetName(char *name, int length, int device) {
  snprintf(name, length, "Stand-In %d%s", device, number("STAND_IN_CUDA_MIG", 0) ? " MIG 1g.5gb" : "");
  return 0;
}

int cuDeviceGetPCIBusId(char *id, int length, int device) {
  snprintf(id, length, "0000:%02X:00.0", 0xA0 + device);
  return 0;
}

int cuDeviceGetUuid(unsigned char *uuid, int device) {
  for (int i = 0; i < 16; i++) uuid[i] = (unsigned char)(16 * device + i);
  return 0;
}

int cuDeviceGetUuid_v2(unsigned char *uuid, int device) {
  cuDeviceGetUuid(uuid, device);
  if (number("STAND_IN_CUDA_MIG", 0)) memset(uuid, 0xAB, 8);
  return 0;
}
#endif
