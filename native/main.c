#include "helper.h"

#include <stdio.h>

int main(int argc, char **argv) {
    const char *mode = argc > 1 ? argv[1] : "";
    if (strcmp(mode, "spawn") == 0) return spawner_main();
    if (strcmp(mode, "attributes") == 0) return attributes_main();
    if (strcmp(mode, "dial") == 0) return dial_main(argc - 2, argv + 2);
    if (strcmp(mode, "daemonize") == 0) return daemonize_main(argc - 2, argv + 2);
    if (strcmp(mode, "init") == 0) return init_main(argc - 2, argv + 2);
    if (strcmp(mode, "version") == 0) {
        printf("berth-helper %d\n", HELPER_PROTOCOL);
        return 0;
    }
    complain("usage: berth-helper spawn | attributes | init | dial | daemonize | version", 0);
    return 2;
}
