import antiphon.v1.ChatRequest;
import antiphon.v1.Message;
import antiphon.v1.Part;
import antiphon.v1.Role;
import antiphon.v1.Sampling;
import java.util.HexFormat;

/** Prints a request in hexadecimal, as generated messages write it. */
public final class Main {
  public static void main(String[] arguments) {
    Part part = Part.newBuilder().setText("Why is the sky blue?").build();
    Message message = Message.newBuilder().setRole(Role.ROLE_USER).addParts(part).build();
    ChatRequest request =
        ChatRequest.newBuilder()
            .setModel("chat")
            .addMessages(message)
            .setSampling(Sampling.newBuilder().setTemperature(0.5))
            .build();
    System.out.println(HexFormat.of().formatHex(request.toByteArray()));
  }
}
