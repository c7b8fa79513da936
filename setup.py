"""Package metadata; the tools' settings are in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    name="merge-user-courses",
    version="1.0.0",
    description="Merges the course history of a learner's two accounts, exactly once in effect.",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["pipeline", "pipeline.*", "transforms", "transforms.*"]),
    package_data={"pipeline": ["*.cql"]},
    install_requires=[
        # Pinned to the minor version: the Java side (expansion service, KafkaIO) must be of the same release.
        "apache-beam>=2.70.0,<2.71",
        "cassandra-driver>=3.29,<4",
        "kafka-python>=3.0,<4",
        "pyhocon>=0.3.61,<0.4",
        "rich>=14,<16",
        "tenacity>=9,<10",
    ],
    extras_require={
        "bench": [
            "matplotlib>=3.8,<4",
            "psutil>=5.9,<8",
            "py-spy>=0.4,<0.5",
        ],
        "test": [
            "dockerfile-parse>=2,<3",
            "hypothesis>=6.100,<7",
            "jsonschema>=4.23,<5",
            "kubernetes-validate>=1.31,<2",
            "mypy>=1.15,<3",
            "prometheus-client>=0.21,<1",
            "promql-parser>=0.12,<1",
            "psutil>=5.9,<8",
            "pyhamcrest>=2.1,<3",
            "pytest>=8,<10",
            "pytest-timeout>=2.3,<3",
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
            "merge-user-courses-worker=pipeline.worker:main",
        ]
    },
)
