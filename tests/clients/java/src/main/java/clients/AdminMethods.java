package clients;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentSkipListSet;
import org.apache.kafka.clients.admin.Admin;

/** Which methods of the administrator's client the scenarios call, so that none is forgotten. */
final class AdminMethods {
    static final String SCENARIO = "admin-methods";
    private static final String SHARE_GROUPS = "asks about share groups, which are not here";
    private static final String STREAMS_GROUPS = "asks about streams groups, which are not here";
    private static final Map<String, String> NOT_CALLED = Map.of(
            "describeShareGroups", SHARE_GROUPS,
            "listShareGroupOffsets", SHARE_GROUPS,
            "alterShareGroupOffsets", SHARE_GROUPS,
            "deleteShareGroupOffsets", SHARE_GROUPS,
            "describeStreamsGroups", STREAMS_GROUPS);
    private static final Set<String> CALLED = new ConcurrentSkipListSet<>();

    private AdminMethods() {}

    /** The same client, whose calls are noted. */
    static Admin noted(Admin admin) {
        return (Admin) Proxy.newProxyInstance(Admin.class.getClassLoader(), new Class<?>[] {Admin.class}, (proxy, method, arguments) -> {
            CALLED.add(method.getName());
            try {
                return method.invoke(admin, arguments);
            } catch (InvocationTargetException error) {
                throw error.getCause();
            }
        });
    }

    /** Comes when all scenarios have run: a method that none has called must have a reason. */
    static void check(Scene scene) {
        Set<String> names = new TreeSet<>();
        Arrays.stream(Admin.class.getMethods()).filter(method -> !Modifier.isStatic(method.getModifiers())).map(Method::getName).forEach(names::add);
        for (String name : names) {
            String reason = NOT_CALLED.get(name);
            scene.say(name, CALLED.contains(name) ? "called" : "not called: " + reason);
        }
        scene.same("methods without a call and without a reason", List.of(),
                names.stream().filter(name -> !CALLED.contains(name) && !NOT_CALLED.containsKey(name)).toList());
        scene.same("reasons that nothing needs", List.of(),
                NOT_CALLED.keySet().stream().filter(name -> CALLED.contains(name) || !names.contains(name)).sorted().toList());
    }
}
