# Sourced with the arguments of `ringi`: where they say `--enclave qemu`, makes what emulated machines need (QEMU, the vsock
# device, the kernel, a simulation build of the image), and names it for the program.
case " $* " in
*" --enclave qemu "* | *" --enclave=qemu "*)
    scripts/setup.sh image
    RINGI_QEMU="$(scripts/qemu.sh)"
    RINGI_VSOCK="$(scripts/vhost-vsock.sh)"
    RINGI_SIMULATION=1 scripts/image.sh
    RINGI_IMAGE="$PWD/target/simulation/ringi.eif"
    export RINGI_QEMU RINGI_VSOCK RINGI_IMAGE
    ;;
esac
