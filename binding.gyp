# SPDX-License-Identifier: MIT
# The product build. vfio is the addon of the package. vfio_testing is the same code with the memory back end
# and with system calls that tests can make fail. vfio_bench has the C++ that the benchmarks compare with.
{
  'target_defaults': {
    'include_dirs': [
      'src-native',
      '<!(node -p "require(\'node-addon-api\').include_dir")',
    ],
    # A Node environment that is ending no longer accepts exceptions. Without this, throwing one ends the process.
    'defines': ['NAPI_VERSION=9', 'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS'],
    'dependencies': ['<!(node -p "require(\'node-addon-api\').targets"):node_addon_api_except_all'],
    'cflags!': ['-fno-exceptions'],
    'cflags_cc!': ['-fno-exceptions', '-fno-rtti', '-std=gnu++17', '-std=gnu++20'],
    'cflags_cc': ['<!@(cat src-native/FLAGS)'],
  },
  'targets': [
    {
      'target_name': 'vfio_core',
      'type': 'static_library',
      # An ordinary archive contains its objects. gyp's default, a thin archive, only has their paths.
      'standalone_static_library': 1,
      'sources': ['<!@(cat src-native/SOURCES)'],
    },
    {
      'target_name': 'vfio',
      'dependencies': ['vfio_core'],
      'sources': [
        'src-native/sys/syscalls.cc',
        'src-native/binding/module.cc',
      ],
      'ldflags': ['<!@(cat src-native/LDFLAGS)'],
    },
    {
      'target_name': 'vfio_testing',
      'product_dir': '<(PRODUCT_DIR)/testing',
      'dependencies': ['vfio_core'],
      'sources': ['<!@(cat test/native/SOURCES)'],
      'include_dirs': ['test/native'],
      'ldflags': ['<!@(cat src-native/LDFLAGS)'],
    },
    {
      # The C++ that the benchmarks compare with, compiled with -O2 like most programs.
      'target_name': 'vfio_bench',
      'product_dir': '<(PRODUCT_DIR)/bench',
      'sources': ['<!@(cat bench/twins/SOURCES)'],
      'cflags!': ['-O3'],
      'cflags': ['-O2'],
    },
  ],
}
