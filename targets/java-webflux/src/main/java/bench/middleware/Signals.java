package bench.middleware;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;

/** The operating system's signals, for which Java has no supported interface. */
final class Signals {

    private Signals() {}

    /**
     * Replaces what the JVM does on a signal. By reflection, because javac warns of {@code sun.misc.Signal} in a
     * way that cannot be switched off, and warnings are errors here.
     *
     * @param name without the SIG
     * @param action runs on a thread of its own
     */
    static void on(String name, Runnable action) {
        try {
            Class<?> signalType = Class.forName("sun.misc.Signal");
            Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
            InvocationHandler handler = (self, method, arguments) -> {
                action.run();
                return null;
            };
            Object signal = signalType.getConstructor(String.class).newInstance(name);
            Object proxy =
                    Proxy.newProxyInstance(handlerType.getClassLoader(), new Class<?>[] {handlerType}, handler);
            signalType.getMethod("handle", signalType, handlerType).invoke(null, signal, proxy);
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException("this JVM has no sun.misc.Signal", e);
        }
    }
}
