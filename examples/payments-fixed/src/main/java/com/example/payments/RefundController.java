package com.example.payments;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** Looks refunds up by the reference the merchant gave. */
final class RefundController {
    private final Connection connection;

    RefundController(Connection connection) {
        this.connection = connection;
    }

    ResultSet find(String reference) throws SQLException {
        PreparedStatement statement = connection.prepareStatement("SELECT * FROM refunds WHERE reference = ?");
        statement.setString(1, reference);
        return statement.executeQuery();
    }
}
