# SPDX-License-Identifier: MIT
# The product build. vfio is the addon that is shipped; vfio_testing is the same code with the memory back
# end and a table of system calls that tests can make fail; vfio_bench is what benchmarks compare with.
{
  'target_defaults': {
    'include_dirs': [
      'src-native',
      '<!(node -p "require(\'node-addon-api\').include_dir")',
    ],
    # An environment that is ending takes no exception any more; without this, throwing one ends the process.
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
      # A thin archive would name its objects by path; an ordinary one links the same everywhere.
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
      # What the benchmarks compare with: plain C++ of a program's usual -O2.
      'target_name': 'vfio_bench',
      'product_dir': '<(PRODUCT_DIR)/bench',
      'sources': ['<!@(cat bench/twins/SOURCES)'],
      'cflags!': ['-O3'],
      'cflags': ['-O2'],
    },
  ],
}
