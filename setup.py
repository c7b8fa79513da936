"""Package metadata; the tools' settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="merge-user-courses",
    version="1.0.0",
    description="Merges the course history of a learner's two accounts, exactly once in effect.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="the merge-user-courses authors",
    license="MIT",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 5 - Production/Stable",
        "Environment :: Console",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Topic :: Database",
        "Topic :: Education",
        "Typing :: Typed",
    ],
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["pipeline", "pipeline.*", "transforms", "transforms.*"]),
    package_data={
        "pipeline": ["*.cql", "py.typed"],
        "pipeline.flink": ["pom.xml", "client/config.yaml"],
        "pipeline.operators.preview": ["page.css", "page.html"],
        "transforms": ["py.typed"],
    },
    install_requires=[
        # Pinned to the minor version: the Java side (expansion service, KafkaIO) must be of the same release.
        "apache-beam>=2.70.0,<2.71",
        "cassandra-driver>=3.30,<3.31",
        "jinja2>=3.1,<4",
        # A checksum in C, and what topics may be compressed with.
        "kafka-python[crc32c,lz4,snappy,zstd]>=3.0,<4",
        "pyhocon>=0.3.61,<0.4",
        "rich>=14,<16",
    ],
    extras_require={
        "bench": [
            "matplotlib>=3.8,<4",
            "psutil>=5.9,<8",
            "py-spy>=0.4,<0.5",
        ],
        "test": [
            "cyclonedx-bom>=7,<8",
            "dockerfile-parse>=2,<3",
            "hypothesis>=6.100,<7",
            "import-linter>=2.3,<3",
            "jsonschema>=4.23,<5",
            "kubernetes-validate>=1.31,<2",
            "matplotlib>=3.8,<4",
            "mypy>=1.15,<3",
            "prometheus-client>=0.21,<1",
            "promql-parser>=0.12,<1",
            "psutil>=5.9,<8",
            "pyhamcrest>=2.1,<3",
            "pytest>=8,<10",
            "pytest-timeout>=2.3,<3",
            "pytest-xdist>=3.6,<4",
            "pyyaml>=6,<7",
            "ruff>=0.11,<1",
            "trustme>=1.2,<2",
            "types-psutil>=5.9,<8",
        ],
    },
    entry_points={
        "console_scripts": [
            "merge-user-courses=pipeline.__main__:main",
            "merge-user-courses-replay=pipeline.replay.__main__:main",
        ]
    },
)
