//! Compiles `llmos.proto` with a protobuf compiler written in Rust, so that no protoc is needed.

fn main() -> anyhow::Result<()> {
    println!("cargo::rerun-if-changed=llmos.proto");
    let descriptors = protox::compile(["llmos.proto"], ["."])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
